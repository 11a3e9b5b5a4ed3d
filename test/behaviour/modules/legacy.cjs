/** A CommonJS module of tasks. */
const { task } = require('dtask');

module.exports = { whisper: task('modules.whisper', (/** @type {string} */ word) => `(${word})`) };
