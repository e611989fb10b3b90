#!/usr/bin/env -S node --disable-warning=ExperimentalWarning --max-semi-space-size=16
// Plain JavaScript, so that any Node can read why it is too old. Left to itself, V8 lets young
// objects fill 128 MB before it looks for the dead among them; 32 MB cost no time that shows.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  // Keeps what was stripped and compiled from one start to the next: half the time of a start.
  nodeModule.enableCompileCache();
  const { main } = await import('../cli/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(own)) runWith(own);
  else {
    console.error(
      `Penstock needs Node 22.18 or newer; this is ${process.versions.node}. Install a newer one (https://nodejs.org), or run npm install in Penstock's own directory, which brings one along.`,
    );
    process.exitCode = 2;
  }
}

function runWith(node) {
  const script = fileURLToPath(import.meta.url);
  const flags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'];
  const child = spawn(node, [...flags, script, ...process.argv.slice(2)], { stdio: 'inherit' });
  // A terminal sends its signals to both; what is sent to us alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (!process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 1;
  });
}
