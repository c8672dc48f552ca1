// An agent's side of skill-sync: loads skills from a directory and follows their changes.
//
//   npm install && SKILLS=/data/skills PORT=8080 node agent.mjs

import { createServer } from 'node:http';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import chokidar from 'chokidar';

const directory = path.resolve(process.env.SKILLS ?? '/data/skills');
const skills = new Map();

// The file that makes a skill one: `SKILL.md` of a folder, or a flat `.md` in the root. skill-sync
// writes it last and removes it first, so whoever acts on it alone sees a skill old or new.
function skillOf(file) {
  const below = path.relative(directory, file);
  if (below.startsWith('.skill-sync')) return null; // Ours: the state and the sentinel.
  if (path.basename(below) === 'SKILL.md') return path.dirname(below);
  return path.dirname(below) === '.' && below.endsWith('.md') ? below.slice(0, -3) : null;
}

async function load(file) {
  const skill = skillOf(file);
  if (skill === null) return;
  try {
    skills.set(skill, await readFile(file, 'utf8'));
    console.log(`loaded ${skill}`);
  } catch (error) {
    // It went meanwhile: its `unlink` is on the way.
    if (error.code !== 'ENOENT') throw error;
  }
}

function forget(file) {
  const skill = skillOf(file);
  if (skill !== null && skills.delete(skill)) console.log(`forgot ${skill}`);
}

// Right: the directory itself (no glob), and all three events. The first look comes as `add`s too.
const watcher = chokidar
  .watch(directory)
  .on('add', load)
  .on('change', load)
  .on('unlink', forget)
  .on('error', (error) => console.error(`the watch failed: ${error.message}`));

// Wrong, each seen in the field:
//
//   chokidar.watch('/data/skills/**/*.md')    chokidar 4 and later have no globs: nothing is ever seen.
//   .on('change', load) alone                 new skills are `add`, removed ones `unlink`: both missed.
//   fs.watch(directory, { recursive: true })  up to Node 24 blind for a file after its first update.
//   ignored: /(^|[/\\])\../                   matched against whole paths: with SKILLS=/srv/.agent/skills
//                                             everything is ignored.
//   two chokidar 3 watchers in one process    share handles: a skill that is removed and comes back can be
//                                             lost to both.
//
// A consumer that can listen to `change` only takes `.skill-sync.md` in the root as its sign: it is
// renamed over after every pass that changed something.

const server = createServer(async (_, answer) => {
  answer.setHeader('content-type', 'application/json');
  answer.end(JSON.stringify({ skills: [...skills.keys()].sort(), entries: (await readdir(directory)).length }));
});
server.listen(Number(process.env.PORT ?? 8080));

// skill-sync hands SIGTERM on and ends with our status. SIGHUP never comes: it is skill-sync's own.
process.once('SIGTERM', async () => {
  await watcher.close();
  server.close(() => process.exit(0));
});
