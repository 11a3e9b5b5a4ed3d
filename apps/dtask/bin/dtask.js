#!/usr/bin/env node
/** The `dtask` command. It stands outside of dist, so that npm can link it before there is a build. */
import '../dist/main.js';
