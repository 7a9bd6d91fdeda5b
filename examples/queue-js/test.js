const assert = require('node:assert');
const { Queue, parseJob } = require('./index.js');

assert.deepStrictEqual(parseJob('mail@2'), { name: 'mail', urgency: 2 });
assert.deepStrictEqual(parseJob(' report '), { name: 'report', urgency: 5 });
assert.strictEqual(parseJob('Mail'), null);

const queue = new Queue();
for (const text of ['report', 'mail@2', 'backup@9', 'alarm@2']) queue.push(parseJob(text));
assert.strictEqual(queue.size, 4);
assert.strictEqual(queue.take(), 'mail');
assert.strictEqual(queue.take(), 'alarm');
assert.strictEqual(queue.take(), 'report');
assert.strictEqual(queue.take(), 'backup');
assert.strictEqual(queue.take(), null);

console.log('all is well');
