const { Queue } = require('./lib/queue.js');
const { parseJob } = require('./lib/job.js');

module.exports = { Queue, parseJob };
