pytest_plugins = ["cheat"]
