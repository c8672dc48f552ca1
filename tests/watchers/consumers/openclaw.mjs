// OpenClaw and its ancestors, with their own watcher and their own loader, taken from the package as it
// is on npm: node openclaw.mjs DIST KIND DIRECTORY
//
// The names of its modules change with each release: they are found by the functions that they export,
// among those whose names begin as the modules of the source do.

import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import { tell } from '../skills.mjs';

const [dist, kind, directory] = [process.argv[2], JSON.parse(process.argv[3]), process.argv[4]];
const workspace = fs.mkdtempSync(path.join(os.tmpdir(), 'skill-sync-openclaw-'));
process.once('SIGTERM', () => (fs.rmSync(workspace, { recursive: true, force: true }), process.exit(0)));

const sources = fs.readdirSync(dist, { recursive: true }).filter((file) => /(^|\/)(workspace|refresh)[^/]*\.m?js$/.test(file));

/** A function of the bundle, by the name that it has in the source. */
async function take(name) {
  for (const file of sources) {
    const whole = path.join(dist, file);
    const text = fs.readFileSync(whole, 'utf8');
    if (!text.includes(`function ${name}(`)) continue;
    const bundled = new RegExp(`\\b${name} as (\\w+)`).exec(text.slice(text.lastIndexOf('\nexport {')));
    const exported = bundled?.[1] ?? (text.includes(`export function ${name}(`) ? name : null);
    if (exported) return (await import(pathToFileURL(whole)))[exported];
  }
  throw new Error(`${dist} has no ${name}`);
}

const load = await take(kind.loader);
const [watch, listen] = [await take('ensureSkillsWatcher'), await take('registerSkillsChangeListener')];
const config = { skills: { load: { extraDirs: [directory], watch: true } } };
const options = { config, bundledSkillsDir: path.join(workspace, 'none'), managedSkillsDir: path.join(workspace, 'none') };
let known = new Map();

/** Loads as the agent does and tells what it holds now: every skill at each event. */
function look() {
  const found = new Map();
  for (const { skill } of load(workspace, options)) {
    const name = path.relative(directory, skill.filePath);
    const made = /^At (\d+)\.$/.exec(skill.description);
    if (!name.startsWith('..') && made) found.set(name, made[1]);
  }
  found.forEach((what, name) => tell({ path: name, what }));
  for (const name of known.keys()) if (!found.has(name)) tell({ path: name, what: 'gone' });
  known = found;
}

look();
listen(look);
watch({ workspaceDir: workspace, config });
// Its watcher does not say when it is ready: it is once it has seen a change of ours.
const probe = path.join(directory, 'probe');
fs.mkdirSync(probe);
const sign = setInterval(() => {
  fs.writeFileSync(path.join(probe, 'SKILL.md'), `---\nname: probe\ndescription: ${Date.now()}\n---\n`);
}, 1000);
const stop = listen(() => {
  clearInterval(sign);
  stop();
  fs.rmSync(probe, { recursive: true });
  tell({ ready: true });
});
