'use strict';

// A socket server that sends back whatever it is sent, and logs it.
//   PORT  the port to listen on (default 1337)
//   HOST  the address to listen on (default: every address of the machine)

const net = require('node:net');

const PORT = Number(process.env.PORT || 1337);
const HOST = process.env.HOST || undefined;
const IDLE_MILLISECONDS = 60_000;

const open = new Set();

function log(text) {
  console.log(`${new Date().toISOString()} ${text}`);
}

function fail(text) {
  console.error(`${new Date().toISOString()} ${text}`);
  process.exit(1);
}

function where(address) {
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

if (!Number.isInteger(PORT) || PORT < 1 || PORT > 65535) {
  fail(`PORT must be a whole number from 1 to 65535, not "${process.env.PORT}"`);
}

const server = net.createServer((socket) => {
  open.add(socket);
  socket.setTimeout(IDLE_MILLISECONDS, () => socket.destroy());
  socket.on('data', (chunk) => log(chunk.toString('utf8').trimEnd()));
  socket.on('error', (error) => log(error.message));
  socket.on('close', () => open.delete(socket));
  socket.pipe(socket); // Unlike write() on every chunk, this waits for a peer that reads slowly.
});

server.on('error', (error) => fail(`cannot listen on port ${PORT}: ${error.message}`));

server.listen({ port: PORT, host: HOST, backlog: 1024 }, () => log(`listening on ${where(server.address())}`));

function stop(signal) {
  log(`${signal}: stopping`);
  server.close(() => process.exit(0));
  for (const socket of open) {
    socket.destroy();
  }
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
