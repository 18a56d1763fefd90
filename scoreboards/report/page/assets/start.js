"use strict";
splitclock.showTrial = splitclock.showTrial || (() => {});
splitclock.start();
