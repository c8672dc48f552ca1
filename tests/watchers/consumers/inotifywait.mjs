// An agent that watches with inotifywait: node inotifywait.mjs DIRECTORY
//
// A directory that is moved in is told as one event: what it holds must be listed.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as path from 'node:path';
import { files, isGone, tell, tellFile, tellGone } from '../skills.mjs';

const directory = process.argv[2];
const events = ['close_write', 'moved_to', 'moved_from', 'create', 'delete'].flatMap((event) => ['-e', event]);
const inotify = spawn('inotifywait', ['-m', '-r', '--format', '%e|%w%f', ...events, directory]);
process.once('SIGTERM', () => (inotify.kill(), process.exit(0)));
inotify.once('error', (error) => (tell({ mixed: error.message }), process.exit(1)));
createInterface(inotify.stderr).on('line', (line) => {
  if (line.startsWith('Watches established')) tell({ ready: true });
});

function list(folder) {
  try {
    files(folder).forEach((file) => tellFile(directory, path.join(folder, file)));
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

createInterface(inotify.stdout).on('line', (line) => {
  const [told, file] = [line.slice(0, line.indexOf('|')).split(','), line.slice(line.indexOf('|') + 1)];
  const [arrived, went] = [told.includes('MOVED_TO') || told.includes('CREATE'), told.includes('DELETE')];
  if (told.includes('ISDIR')) return arrived && !path.basename(file).startsWith('.skill-sync') ? list(file) : null;
  return went || told.includes('MOVED_FROM') ? tellGone(directory, file) : tellFile(directory, file);
});
