import { expect, it } from 'vitest';
import { readJsonUsage, readStreamUsage } from './reply-usage.ts';

const stream = [
  'event: message_start\r\ndata: {"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":5,"cache_read_input_tokens":7,"output_tokens":1}}}\r\n\r\n',
  'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"è message_start"}}\n\n',
  'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":42,"input_tokens":null}}\n\n',
].join('');

it('reads a stream wherever its chunks are cut', () => {
  for (let size = 1; size < 40; size++) {
    const bytes = Buffer.from(stream);
    const meter = readStreamUsage();
    for (let i = 0; i < bytes.length; i += size) meter.push(bytes.subarray(i, i + size));
    expect(meter.result()).toEqual({
      id: 'msg_1',
      model: 'm',
      usage: { input_tokens: 5, cache_read_input_tokens: 7, output_tokens: 42 },
    });
  }
});

it('counts what a stream that broke off had said', () => {
  const meter = readStreamUsage();
  meter.push(Buffer.from(stream.slice(0, stream.indexOf('event: message_delta'))));
  expect(meter.result()?.usage).toMatchObject({ input_tokens: 5, output_tokens: 1 });
});

it('reads a whole reply, and nothing from an error', () => {
  const meter = readJsonUsage();
  meter.push(Buffer.from('{"id":"msg_2","model":"m","usa'));
  meter.push(Buffer.from('ge":{"input_tokens":1}}'));
  expect(meter.result()).toEqual({ id: 'msg_2', model: 'm', usage: { input_tokens: 1 } });
  const error = readJsonUsage();
  error.push(Buffer.from('{"type":"error"}'));
  expect(error.result()).toBeNull();
  expect(readStreamUsage().result()).toBeNull();
});
