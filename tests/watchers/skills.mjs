// The skills that the watchers' test makes, and how a consumer reads them.
//
// Every file says at its beginning and at its end which change made it, and for which version of its
// skill: a torn file and a mixed skill are seen by whoever reads them.

import * as fs from 'node:fs';
import * as path from 'node:path';

/** The lines between beginning and end, so that a file takes more than one page. */
const FILLER = `${'filler '.repeat(12)}\n`.repeat(100);

/** The text of a file, made by change `made` for version `entry` of its skill. */
export function text(made, entry, head = '') {
  const line = `made ${made} for ${entry}\n`;
  return `${head}${line}${FILLER}${line}`;
}

/** The front matter of a skill. */
export const head = (name, n) => `---\nname: ${name}\ndescription: At ${n}.\n---\n`;

/** A file that is neither old nor new. */
export class Torn extends Error {}

/**
 * What is in a file: which change made it (with an `x` where it is executable), and for which version of
 * its skill. Throws `Torn`, and what the file system says.
 */
export function read(file) {
  const { mode } = fs.statSync(file);
  const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
  const [first, last] = [lines.find((line) => line.startsWith('made ')), lines.at(-1)];
  const found = /^made (\d+) for (\d+)$/.exec(last);
  if (first !== last || !found) throw new Torn(`${file} is torn: it begins "${first}" and ends "${last}"`);
  return { what: `${found[1]}${mode & 0o100 ? 'x' : ''}`, entry: Number(found[2]) };
}

/** All files below a directory, without what is ours. */
export function files(directory, below = '') {
  const entries = fs.readdirSync(path.join(directory, below), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const name = path.join(below, entry.name);
    if (entry.name.startsWith('.skill-sync')) return [];
    return entry.isDirectory() ? files(directory, name) : [name];
  });
}

/**
 * The files that every version of a skill has. Others come before `SKILL.md` and go after it: of those an
 * old one may still be there, which nothing names any more.
 */
const LASTING = ['SKILL.md', 'references/guide.md', 'scripts/run.sh'];

/** The versions that the files of a skill are made for: more than one is a mixed skill. */
export function versions(folder) {
  return new Set(LASTING.map((file) => read(path.join(folder, file)).entry));
}

/** Tells the test something. */
export const tell = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

/** It went between the event and the look: the event that says so is on its way. */
export const isGone = (error) => error.code === 'ENOENT' || error.code === 'ENOTDIR';

/** Tells what a path of the directory holds now; and of a `SKILL.md` whether its skill is mixed. */
export function tellFile(directory, file) {
  const name = path.relative(directory, file);
  if (name.startsWith('.skill-sync')) return;
  try {
    tell({ path: name, what: read(file).what });
    if (path.basename(name) !== 'SKILL.md' || name.startsWith('flat')) return;
    const found = [...versions(path.dirname(file))];
    if (found.length > 1) tell({ mixed: `${name}: files for ${found.join(' and ')}` });
  } catch (error) {
    if (!isGone(error)) tell({ mixed: error.message });
  }
}

/** Tells that a path is gone. */
export function tellGone(directory, file) {
  const name = path.relative(directory, file);
  if (!name.startsWith('.skill-sync')) tell({ path: name, what: 'gone' });
}
