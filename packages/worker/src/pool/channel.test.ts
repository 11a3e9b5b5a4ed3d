import { once } from 'node:events';
import net from 'node:net';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { type Channel, portChannel, socketChannel } from './channel.js';

type Ends = readonly [Channel<unknown, unknown>, Channel<unknown, unknown>];

async function sockets(): Promise<Ends> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const near = net.connect(port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [net.Socket];
  onTestFinished(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [socketChannel(near), socketChannel(far)];
}

function ports(): Promise<Ends> {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  return Promise.resolve([portChannel(port1), portChannel(port2 as MessagePort)]);
}

it.each([
  ['sockets', sockets],
  ['ports', ports],
])('carries messages and their texts in order over %s, of any length', async (_kind, open) => {
  const [near, far] = await open();
  const long = JSON.stringify({ text: 'é\n\u0000😀'.repeat(500_000) });
  const sent: (readonly [unknown, string | undefined])[] = [
    [['ready'], undefined],
    [['run', 1, { id: 'a\u0000b\n' }], '{"args":[]}'],
    [['run', 2], long],
    [['run', 3], ''],
    [['end', 1], undefined],
    [['end', 2], long],
    [['end', 3], '1'],
  ];
  const heard: unknown[] = [];
  const all = new Promise<void>((resolve) => {
    far.onMessage((message, text) => {
      if (heard.push([message, text]) === sent.length) resolve();
    });
  });
  for (const [message, text] of sent) near.send(message, text);
  await all;
  expect(heard).toEqual(sent);
});
