import { type BigIntStats, type FSWatcher, readlinkSync, statSync, watch } from 'node:fs'
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path'
import type { Clock } from '../base/clock.js'

/** What belongs together comes together: a mounted secret is changed in several steps. */
const SETTLE_MS = 50
const MAX_LINKS = 40

/**
 * Calls back when what a path leads to has changed: its content, the file itself (moved over it), or a link on the way,
 * which is how Kubernetes changes a mounted secret. Watches folders, and reads nothing as long as nothing happens in
 * them. Where the file system tells no changes (a network drive), it never calls.
 *
 * @returns ends it
 */
export function watchFile(path: string, clock: Clock, changed: () => void): () => void {
  const watchers = new Map<string, FSWatcher>()
  let cancel: (() => void) | undefined
  let over = false

  function watchFolders(): void {
    const folders = foldersOf(path)
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      watchers.delete(folder)
    }
    for (const folder of folders) if (!watchers.has(folder)) watchFolder(folder)
  }

  function watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // A folder that was removed tells so by its own name, and nothing from then on: it is watched anew.
        if (name === null || folder.endsWith(sep + name)) unwatch(folder, watcher)
        onEvent()
      })
      watcher.on('error', () => unwatch(folder, watcher))
      watchers.set(folder, watcher)
    } catch {
      // Not there, or no more watches to be had: the key is still fetched anew from time to time.
    }
  }

  function unwatch(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (watchers.get(folder) === watcher) watchers.delete(folder)
  }

  function onEvent(): void {
    if (!over) cancel ??= clock.after(SETTLE_MS, compare, false)
  }

  function compare(): void {
    cancel = undefined
    // First the watchers, then the look: what changes after it is told.
    watchFolders()
    const before = fingerprint
    fingerprint = fingerprintOf(path)
    if (fingerprint !== before) changed()
  }

  watchFolders()
  let fingerprint = fingerprintOf(path)
  return () => {
    over = true
    cancel?.()
    for (const watcher of watchers.values()) watcher.close()
    watchers.clear()
  }
}

/** What tells one state of a file from another. */
function fingerprintOf(path: string): string {
  let stats: BigIntStats | undefined
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return 'unreadable'
  }
  return stats ? [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join() : 'missing'
}

/** The folders in which something happens when the path is made to lead elsewhere: that of each link, and the file's. */
function foldersOf(path: string): Set<string> {
  const folders = new Set<string>()
  let whole = resolve(path)
  for (let links = 0; links < MAX_LINKS; links++) {
    const next = throughFirstLink(whole, folders)
    if (next === undefined) break
    whole = next
  }
  return folders.add(dirname(whole))
}

/** The path with its first link followed, or undefined where there is none; notes the link's folder. */
function throughFirstLink(path: string, folders: Set<string>): string | undefined {
  const { root } = parse(path)
  const names = path.slice(root.length).split(sep)
  let folder = root
  for (const [index, name] of names.entries()) {
    const target = linkAt(join(folder, name))
    if (target !== undefined) {
      folders.add(folder)
      return join(isAbsolute(target) ? target : join(folder, target), ...names.slice(index + 1))
    }
    folder = join(folder, name)
  }
  return undefined
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}
