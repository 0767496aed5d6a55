import { type BigIntStats, type FSWatcher, readlinkSync, statSync, watch } from 'node:fs'
import { dirname, isAbsolute, join, parse, resolve, sep } from 'node:path'
import type { Clock } from '../base/clock.js'

/** Events within this time are one change: a mounted secret changes in several steps. */
const SETTLE_MS = 50
const MAX_LINKS = 40

/**
 * Calls `changed` when the file at a path has changed: its content, the file itself (replaced by another), or a link of
 * the path, which is how Kubernetes changes a mounted secret. Watches folders, and reads nothing until an event. A file
 * system that reports no events (a network drive) never causes a call.
 *
 * @returns a function that stops it
 */
export function watchFile(path: string, clock: Clock, changed: () => void): () => void {
  const watchers = new Map<string, FSWatcher>()
  let cancel: (() => void) | undefined
  let stopped = false

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
        // A removed folder reports its own name, and no events afterwards: it is watched again.
        if (name === null || folder.endsWith(sep + name)) unwatch(folder, watcher)
        onEvent()
      })
      watcher.on('error', () => unwatch(folder, watcher))
      watchers.set(folder, watcher)
    } catch {
      // No such folder, or no free watch: the key is still fetched again when its TTL is over.
    }
  }

  function unwatch(folder: string, watcher: FSWatcher): void {
    watcher.close()
    if (watchers.get(folder) === watcher) watchers.delete(folder)
  }

  function onEvent(): void {
    if (!stopped) cancel ??= clock.after(SETTLE_MS, compare, false)
  }

  function compare(): void {
    cancel = undefined
    // First the watchers, then the comparison: a later change causes another event.
    watchFolders()
    const known = fingerprint
    fingerprint = fingerprintOf(path)
    if (fingerprint !== known) changed()
  }

  watchFolders()
  let fingerprint = fingerprintOf(path)
  return () => {
    stopped = true
    cancel?.()
    for (const watcher of watchers.values()) watcher.close()
    watchers.clear()
  }
}

/** Differs for each state of a file. */
function fingerprintOf(path: string): string {
  let stats: BigIntStats | undefined
  try {
    stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  } catch {
    return 'unreadable'
  }
  return stats ? [stats.dev, stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join() : 'missing'
}

/** The folders that get an event when the path leads to another file: that of each link, and the file's. */
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

/** The path with its first link followed, or undefined where there is none. Adds the link's folder to `folders`. */
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
