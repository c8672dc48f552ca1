// An agent that watches with chokidar: node chokidar.mjs MODULES KIND DIRECTORY

import { createRequire } from 'node:module';
import { tell, tellFile, tellGone } from '../skills.mjs';

const [modules, kind, directory] = [process.argv[2], JSON.parse(process.argv[3]), process.argv[4]];
const require = createRequire(`${modules}/package.json`);
const loaded = await import(require.resolve(`chokidar${kind.major}`));
const chokidar = loaded.default?.watch ? loaded.default : loaded;

const watcher = chokidar.watch(directory + (kind.glob ?? ''), { ignoreInitial: true, ...kind.options });
watcher.on('ready', () => tell({ ready: true }));
watcher.on('error', (error) => tell({ mixed: `error: ${error.message}` }));
watcher.on('add', (file) => tellFile(directory, file));
watcher.on('change', (file) => tellFile(directory, file));
watcher.on('unlink', (file) => tellGone(directory, file));
