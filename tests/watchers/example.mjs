// The example agent beside a real service, as its README starts it: node example.mjs [BINARY]
//
// `scripts/watchers` runs it once chokidar is installed.

import { execFileSync, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { head } from './skills.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const binary = path.resolve(process.argv[2] ?? path.join(here, '../../target/debug/skill-sync'));
const cache = path.join(process.env.SKILL_SYNC_CI_CACHE ?? path.join(os.homedir(), '.cache/skill-sync-ci'), 'watchers');
const DEADLINE = 60_000; // ms for anything
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'skill-sync-example-'));
const repo = path.join(root, 'repo');
const git = (...args) => execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], { cwd: repo });

function commit(files, message) {
  for (const [file, text] of Object.entries(files)) {
    const whole = path.join(repo, file);
    fs.rmSync(whole, { force: true });
    if (text === null) continue;
    fs.mkdirSync(path.dirname(whole), { recursive: true });
    fs.writeFileSync(whole, text);
  }
  git('add', '-A');
  git('commit', '-qm', message);
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function until(what, isSo) {
  for (const end = Date.now() + DEADLINE; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (await isSo()) return;
  }
  throw new Error(`not in ${DEADLINE} ms: ${what}`);
}

/** The agent's directory, with the chokidar that its package asks for. */
function agent() {
  const directory = path.join(root, 'agent');
  fs.cpSync(path.join(here, '../../examples/agent'), directory, { recursive: true });
  const asked = JSON.parse(fs.readFileSync(path.join(directory, 'package.json'), 'utf8')).dependencies.chokidar;
  const major = /\d+/.exec(asked)[0];
  fs.mkdirSync(path.join(directory, 'node_modules'));
  fs.symlinkSync(path.join(cache, 'npm/node_modules', `chokidar${major}`), path.join(directory, 'node_modules/chokidar'));
  return path.join(directory, 'agent.mjs');
}

async function main() {
  fs.mkdirSync(repo);
  git('init', '-q', '-b', 'main');
  commit({ 'alpha/SKILL.md': head('alpha', 1), 'beta.md': head('beta', 1) }, 'first');
  const [port, ours] = [await freePort(), await freePort()];
  const skills = path.join(root, 'skills');
  const command = ['run', '--repo', repo, '--dir', skills, '--port', `${ours}`, '--', 'env', `SKILLS=${skills}`, `PORT=${port}`];
  const env = { PATH: process.env.PATH, HOST: '127.0.0.1', API_TOKEN: 'a token of this test', POLL_INTERVAL: '1h' };
  const service = spawn(binary, [...command, process.execPath, agent()], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [log, ended] = ['', null];
  [service.stdout, service.stderr].forEach((stream) => stream.on('data', (data) => (log += data)));
  service.once('exit', (code, signal) => (ended = signal ?? code));
  const holds = async () => {
    if (ended !== null) throw new Error(`it ended with ${ended}`);
    try {
      return (await (await fetch(`http://127.0.0.1:${port}/`)).json()).skills.join();
    } catch {
      return null; // It does not listen yet.
    }
  };
  const count = (text) => log.split(text).length - 1;
  const push = async (files, message) => {
    commit(files, message);
    const headers = { authorization: `Bearer ${env.API_TOKEN}` };
    await fetch(`http://127.0.0.1:${ours}/reconcile?wait=true`, { method: 'POST', headers });
  };
  try {
    await until('the agent holds both skills', async () => (await holds()) === 'alpha,beta');
    const before = count('loaded alpha');
    await push({ 'alpha/SKILL.md': head('alpha', 2) }, 'a change');
    await until('it loads the change', () => count('loaded alpha') > before);
    await push({ 'gamma/SKILL.md': head('gamma', 1) }, 'a new skill');
    await until('it holds the new one', async () => (await holds()) === 'alpha,beta,gamma');
    await push({ 'beta.md': null }, 'one goes');
    await until('it forgets the one that went', async () => (await holds()) === 'alpha,gamma');
    service.kill('SIGTERM');
    await until('it ends', () => ended !== null);
    if (ended !== 0) throw new Error(`it ended with ${ended}`);
    console.log('the example agent: 4 of 4 changes loaded, and it ends with its own status');
    return 0;
  } catch (error) {
    console.error(error, log.split('\n').slice(-20).join('\n'));
    return 1;
  } finally {
    if (ended === null) service.kill('SIGKILL');
    fs.rmSync(root, { recursive: true, force: true });
  }
}

process.exit(await main());
