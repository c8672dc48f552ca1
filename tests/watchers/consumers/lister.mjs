// An agent that watches nothing: it lists and reads everything in a loop. No file may be torn. That
// whole files of two versions of a skill are met between two renames is told in the contract: how long
// that lasts is measured here.

import * as path from 'node:path';
import { files, isGone, read, tell } from '../skills.mjs';

const directory = process.argv[2];
const known = new Map();
const mixedSince = new Map();

function look() {
  const [found, skills] = [new Map(), new Map()];
  for (const name of files(directory)) {
    try {
      const { what, entry } = read(path.join(directory, name));
      found.set(name, what);
      // What a new version dropped goes last, and nothing names it any more.
      if (name.includes('/') && !name.includes('/assets/')) skills.set(name.split('/')[0], (skills.get(name.split('/')[0]) ?? new Set()).add(entry));
    } catch (error) {
      if (!isGone(error)) tell({ mixed: error.message });
    }
  }
  for (const [name, what] of found) if (known.get(name) !== what) tell({ path: name, what });
  for (const name of known.keys()) if (!found.has(name)) tell({ path: name, what: 'gone' });
  known.clear();
  found.forEach((what, name) => known.set(name, what));
  windows(skills);
}

function windows(skills) {
  const now = performance.now();
  for (const [skill, entries] of skills) {
    if (entries.size > 1 && !mixedSince.has(skill)) mixedSince.set(skill, now);
    if (entries.size > 1 || !mixedSince.has(skill)) continue;
    tell({ window: now - mixedSince.get(skill) });
    mixedSince.delete(skill);
  }
}

const round = () => {
  try {
    look();
  } catch (error) {
    // A directory went while it was listed: the next round finds out.
    if (!isGone(error)) throw error;
  }
  setTimeout(round, 1);
};
round();
tell({ ready: true });
