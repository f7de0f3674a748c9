"""Settings: their defaults, meanings and ranges, one file a section; config files and command-line overrides."""
