"""One state of one system, or of many: from T_c, from T = 0 or from a start, and the critical temperature."""
