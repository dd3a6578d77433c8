'use strict';

// A socket client that greets a server over many connections at once, every ten seconds, and logs what comes back.
//   SOCKET_SERVER_HOST  address or name of the server
//   SOCKET_SERVER_PORT  its port
//   SOCKET_CONNECTIONS  how many connections a round opens (default 200)

const net = require('node:net');

const HOST = process.env.SOCKET_SERVER_HOST;
const PORT = Number(process.env.SOCKET_SERVER_PORT);
const CONNECTIONS = Number(process.env.SOCKET_CONNECTIONS || 200);
const ROUND_MILLISECONDS = 10_000;
// Shorter than a round, so that a server that says nothing cannot make rounds pile up.
const ANSWER_MILLISECONDS = 8_000;

function log(text) {
  console.log(`${new Date().toISOString()} ${text}`);
}

function fail(text) {
  console.error(`${new Date().toISOString()} ${text}`);
  process.exit(1);
}

// Opens one connection and calls done(answered) exactly once, when it is closed.
function greet(number, done) {
  let answered = false;
  const socket = net.connect({ host: HOST, port: PORT });
  const deadline = setTimeout(() => {
    socket.destroy(new Error(`no answer within ${ANSWER_MILLISECONDS / 1000} seconds`));
  }, ANSWER_MILLISECONDS);
  socket.on('connect', () => socket.write(`${number}: Hello, server! Love, Client.`));
  socket.once('data', (data) => {
    answered = true;
    log(`Connection ${number} received: ${data.toString('utf8').trimEnd()}`);
    socket.destroy();
  });
  socket.on('error', (error) => log(`Connection ${number} has error: ${error.message}`));
  socket.on('close', () => {
    clearTimeout(deadline);
    log(`Connection ${number} closed`);
    done(answered);
  });
}

// The next round begins ten seconds after this one did, but never before this one has ended.
function round() {
  const next = Date.now() + ROUND_MILLISECONDS;
  let left = CONNECTIONS;
  let answers = 0;
  for (let number = 0; number < CONNECTIONS; number += 1) {
    greet(number, (answered) => {
      answers += answered ? 1 : 0;
      left -= 1;
      if (left === 0) {
        console.log(`${answers} of ${CONNECTIONS} connections answered`);
        setTimeout(round, Math.max(0, next - Date.now()));
      }
    });
  }
}

if (!HOST) {
  fail('SOCKET_SERVER_HOST is not set: it must hold the address or the name of the server');
}
if (!Number.isInteger(PORT) || PORT < 1 || PORT > 65535) {
  fail(`SOCKET_SERVER_PORT must be a whole number from 1 to 65535, not "${process.env.SOCKET_SERVER_PORT ?? ''}"`);
}
if (!Number.isInteger(CONNECTIONS) || CONNECTIONS < 1) {
  fail(`SOCKET_CONNECTIONS must be a whole number of at least 1, not "${process.env.SOCKET_CONNECTIONS}"`);
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => process.exit(0));
}

log(`host: ${HOST}, port: ${PORT}`);
round();
