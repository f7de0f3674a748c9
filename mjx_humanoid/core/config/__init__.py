"""Settings with defaults, help texts and ranges, one file per section; config files and command-line overrides."""
