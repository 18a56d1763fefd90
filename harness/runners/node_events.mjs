// A reporter for node's test runner that tells the host, line by line, what happens; see pytest_events.py for the form
// of a line. It runs in the runner's own process: with `node --test` each test file is another process, whose prints
// come here as events and go to standard error.
import { createHmac } from 'node:crypto';
import { readSync, statSync, writeSync } from 'node:fs';
import { relative, resolve } from 'node:path';

const CHARACTERS = 500;

function firstLine() {
  const pieces = [];
  const buffer = Buffer.alloc(65536);
  for (;;) {
    const size = readSync(0, buffer, 0, buffer.length, null);
    if (size === 0) break;
    pieces.push(Buffer.from(buffer.subarray(0, size)));
    if (buffer.subarray(0, size).includes(10)) break;
  }
  return Buffer.concat(pieces).toString('ascii').split('\n', 1)[0];
}

function mark(path) {
  try {
    const found = statSync(path, { bigint: true });
    return `${found.ino} ${found.ctimeNs} ${found.size}`;
  } catch {
    return 'gone';
  }
}

const header = JSON.parse(firstLine());
const key = Buffer.from(header.key, 'hex');
const known = header.tests.map((path) => [path, mark(path)]);
let sequence = 0;
process.execArgv.push(...header.children); // what the runner hands on to the processes of test files

function line(event) {
  const escape = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const payload = JSON.stringify(event).replace(/[\u007f-\uffff]/g, escape);
  const number = sequence++;
  const mac = createHmac('sha256', key).update(`${number} ${payload}`).digest('hex');
  return `${number} ${mac} ${payload}\n`;
}

function reasonOf(data) {
  const error = data.details?.error;
  const cause = error?.cause;
  const text = cause?.message ?? (typeof cause === 'string' ? cause : error?.message ?? '');
  return String(text).slice(0, CHARACTERS);
}

function isOn(word) {
  return word !== undefined && word !== false;
}

class Tests {
  #above = [];
  #results = new Map();

  started(data) {
    this.#above.length = data.nesting;
    this.#above.push(data.name);
  }

  id(data) {
    const file = data.file ? relative(process.cwd(), data.file) : '';
    return [file, ...this.#above.slice(0, data.nesting), data.name].join(' > ');
  }

  * ended(data, passed) {
    if (data.details?.type === 'suite' && passed) return;
    const id = this.id(data);
    const before = this.#results.get(id) ?? 0;
    this.#results.set(id, before + 1);
    const todo = isOn(data.todo);
    const skipped = isOn(data.skip) || (todo && !passed);
    const report = {
      event: 'report',
      id,
      phase: 'call',
      outcome: skipped ? 'skipped' : passed ? 'passed' : 'failed',
      xfail: todo,
      reason: passed ? '' : reasonOf(data),
      seconds: (data.details?.duration_ms ?? 0) / 1000,
    };
    if (before) {
      yield { ...report, sub: before };
      return;
    }
    const quiet = { ...report, outcome: 'passed', xfail: false, reason: '', seconds: 0 };
    yield { event: 'found', id };
    yield { ...quiet, phase: 'setup' };
    yield report;
    yield { ...quiet, phase: 'teardown' };
  }
}

function isFile(data) {
  return data.nesting === 0 && (data.name === data.file || resolve(data.name) === data.file);
}

function* told(tests, { type, data }) {
  if (type === 'test:start') {
    tests.started(data);
  } else if (type === 'test:pass' || type === 'test:fail') {
    const passed = type === 'test:pass';
    if (!isFile(data)) yield* tests.ended(data, passed);
    else if (!passed) {
      yield { event: 'collect', id: relative(process.cwd(), data.file), outcome: 'failed', reason: reasonOf(data) };
    }
  } else if (type === 'test:stdout' || type === 'test:stderr') {
    writeSync(2, data.message);
  }
}

export default async function* reporter(source) {
  yield line({ event: 'session', node: process.version });
  yield line({ event: 'collected', ids: [], last: true, total: 0 });
  const tests = new Tests();
  for await (const event of source) {
    for (const one of told(tests, event)) yield line(one);
  }
  for (const [path, before] of known) {
    if (mark(path) !== before) yield line({ event: 'touched', path });
  }
  yield line({ event: 'finish', status: Number(process.exitCode ?? 0) });
  setTimeout(() => process.exit(), 2000).unref(); // whatever else keeps this process alive has nothing to say
}
