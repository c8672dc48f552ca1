// The consumers of the directory, each in a process of its own as agents are: watchers of chokidar 3 that
// share a process share their handles, and lose a folder that is removed and added again.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as fs from 'node:fs';
import * as path from 'node:path';

const here = path.dirname(new URL(import.meta.url).pathname);
const DEADLINE = 30_000; // ms for a consumer to see one change
const START = 180_000; // ms for one to be ready: OpenClaw is thousands of modules
const FINISH = { awaitWriteFinish: { stabilityThreshold: 300, pollInterval: 50 } };

const everything = () => true;
const entryOfFolder = (file) => file.endsWith('/SKILL.md');

/**
 * The consumers that can be had: what each is called, how it is started, and which paths it looks at.
 * `cache` is where they are installed.
 */
function kinds(cache) {
  const script = (name) => path.join(here, 'consumers', name);
  const chokidar = (label, kind, sees = everything) => ({
    label, sees, command: [process.execPath, script('chokidar.mjs'), path.join(cache, 'npm'), JSON.stringify(kind)],
  });
  const all = [3, 4, 5, 6].flatMap((major) => [
    chokidar(`chokidar ${major}`, { major, options: {} }),
    chokidar(`chokidar ${major}, awaitWriteFinish`, { major, options: FINISH }),
  ]);
  const markdown = (file) => file.endsWith('.md');
  all.push(chokidar('chokidar 3, glob', { major: 3, glob: '/**/*.md', options: {} }, markdown));
  all.push({ label: 'watchdog', sees: everything, command: [path.join(cache, 'venv/bin/python3'), script('watchdog.py')] });
  all.push({ label: 'inotifywait', sees: everything, command: [process.execPath, script('inotifywait.mjs')] });
  all.push({ label: 'lists in a loop', sees: everything, command: [process.execPath, script('lister.mjs')] });
  const agents = path.join(cache, 'agents');
  if (fs.existsSync(path.join(agents, 'installed.json'))) {
    // Both ignore flat skills without a word, and read other files when they need them.
    const openclaw = { loader: 'loadWorkspaceSkills' };
    const moltbot = { loader: 'loadWorkspaceSkillEntries' };
    const start = (kind, dist) => [path.join(agents, 'node/bin/node'), script('openclaw.mjs'), path.join(agents, dist), JSON.stringify(kind)];
    
    // First: they make themselves known by a file that the others would see.
    all.unshift({ label: 'Clawdbot 2026.1.24', sees: entryOfFolder, command: start(moltbot, 'node_modules/clawdbot/dist') });
    all.unshift({ label: 'OpenClaw 2026.9.6', sees: entryOfFolder, command: start(openclaw, 'node_modules/openclaw/dist') });
  }
  return all.filter(({ label }) => (process.env.ONLY ?? label) === label);
}

/** A consumer as the test sees it: what it told last of each path, and all that must not be. */
class Consumer {
  told = new Map();
  mixed = [];
  windows = [];
  missed = [];
  asked = 0;

  constructor({ label, command, sees }, directory, cache) {
    Object.assign(this, { label, sees });
    const env = { PATH: process.env.PATH, HOME: path.join(cache, 'home'), LANG: 'C.UTF-8' };
    const [program, ...args] = command;
    this.process = spawn(program, [...args, directory], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    this.process.stderr.on('data', (data) => (said = (said + data).slice(-2000)));
    this.ready = new Promise((resolve, reject) => {
      this.process.once('error', (error) => reject(new Error(`${label}: ${error.message}`)));
      this.process.once('exit', (code, signal) => {
        this.mixed.push(`it ended with ${signal ?? code}: ${said}`);
        reject(new Error(`${label} ended with ${signal ?? code}: ${said}`));
      });
      setTimeout(() => reject(new Error(`${label} was not ready in time: ${said}`)), START).unref();
      createInterface(this.process.stdout).on('line', (line) => this.hear(line, resolve));
    });
  }

  hear(line, ready) {
    // Agents print lines of their own.
    if (!line.startsWith('{"')) return;
    const message = JSON.parse(line);
    if (message.ready) ready();
    else if (message.mixed) this.mixed.push(message.mixed);
    else if (message.window !== undefined) this.windows.push(message.window);
    else this.told.set(message.path, message.what);
  }

  /** Forgets what it told of the paths that are about to change. */
  expect(changes) {
    changes.forEach(({ file }) => this.told.delete(file));
  }

  /** Waits until it has told each of these changes, of those that it looks at. */
  async see(changes) {
    const open = new Set(changes.filter(({ file }) => this.sees(file)));
    this.asked += open.size;
    for (const end = Date.now() + DEADLINE; open.size > 0 && Date.now() < end; ) {
      for (const change of open) if (this.told.get(change.file) === change.what) open.delete(change);
      if (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    open.forEach(({ n, kind, file, what }) => this.missed.push(`${n}, ${kind} (${file}: ${what}, not ${this.told.get(file)})`));
  }

  stop() {
    this.process.removeAllListeners('exit');
    this.process.kill('SIGTERM');
  }
}

/** Starts all that can be had. One that cannot is a failure where `required`, else told and left out. */
export async function start(directory, cache, required) {
  const all = [];
  for (const kind of kinds(cache)) {
    const consumer = new Consumer(kind, directory, cache);
    try {
      await consumer.ready;
      all.push(consumer);
    } catch (error) {
      consumer.stop();
      const why = `${error.message.trim()} (Node ${process.version}; scripts/watchers installs what is missing)`;
      if (required) throw new Error(why);
      console.log(`skipped: ${why}`);
    }
  }
  return all;
}
