import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram } from '../../scripts/setup.mjs'

/** How many calls fail. */
export type Scope = keyof typeof SCOPES

/** What fails besides the call that is named. */
export const SCOPES = {
  once: 'nothing',
  twice: 'the next call of this operation on this file, or to this peer',
  next: 'the next call of any operation',
  same: 'all later calls of this operation on this file, or to this peer',
  writes: 'all later calls that change a file',
  all: 'all later calls',
} as const

/** A call that fails, and how: `pwrite:wal:3 EIO once` is the third write into the -wal file. */
export interface CallFault {
  readonly operation: string
  /** A file of the ledger (`db`, `wal`, `shm`, `journal`), `audit`, `dir`, `other`; or the name of a peer, or `net`. */
  readonly file: string
  /** From 1. */
  readonly number: number
  /**
   * An errno by name; `short`: half of it is done; `torn:ENOSPC`: half of it is written, and what follows fails; `end`:
   * nothing is left to read; `kill-before`, `kill-after`, `kill-torn`: SIGKILL; `stop:4000`: it waits that long, ms.
   */
  readonly what: string
  readonly scope: Scope
}

/** What is injected into one process. */
export interface Injection {
  /** The calls on files below it count. */
  readonly dir: string
  /** The calls to these ports count, by the name of their peer. */
  readonly peers?: Readonly<Record<string, number>> | undefined
  readonly fault?: CallFault | undefined
  /** Where to write which calls were made. */
  readonly log: string
}

/** How to start a program. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Makes calls of a process fail. */
export interface Injector {
  readonly kind: 'preload' | 'strace'
  /** Whether it can make this call fail in this way. */
  supports(fault: Pick<CallFault, 'operation' | 'file' | 'what'>): boolean
  /** The command that runs Node with the fault. */
  command(args: readonly string[], injection: Injection): Command
  /** How often each call was made, by `operation:file`, and how many of them failed. */
  calls(log: string): { readonly made: ReadonlyMap<string, number>; readonly failed: number }
}

/** The injector of this machine: the library where a compiler is, which is built in `folder`; else strace. */
export function findInjector(folder: string): Injector {
  const compiler = findCompiler()
  return compiler === undefined ? straceInjector() : preloadInjector(compiler, folder)
}

export function findCompiler(): string | undefined {
  return ['cc', 'gcc', 'clang'].find((name) => findProgram(name))
}

/** Builds the library of injector.c in `folder`. */
export function preloadInjector(compiler: string, folder: string): Injector {
  const library = join(folder, 'injector.so')
  const source = join(import.meta.dirname, 'injector.c')
  execFileSync(compiler, ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'], { stdio: 'pipe' })
  return {
    kind: 'preload',
    supports: () => true,
    command: (args, { dir, peers = {}, fault, log }) => ({
      program: process.execPath,
      args,
      env: {
        ...COMMON,
        LD_PRELOAD: library,
        FAULT_DIR: dir,
        FAULT_LOG: log,
        FAULT_PORTS: Object.entries(peers)
          .map(([name, port]) => `${port}=${name}`)
          .join(),
        ...(fault && {
          FAULT_AT: `${fault.operation}:${fault.file}:${fault.number}`,
          FAULT_DO: fault.what,
          FAULT_THEN: fault.scope,
        }),
      },
    }),
    calls(log) {
      const made = new Map<string, number>()
      let failed = 0
      for (const line of linesOf(log)) {
        if (line.startsWith('!')) failed++
        else made.set(line, (made.get(line) ?? 0) + 1)
      }
      return { made, failed }
    },
  }
}

/** libuv must not pass the C library by. */
const COMMON = { PATH: process.env.PATH ?? '', UV_USE_IO_URING: '0' }

/** The system calls of the operations that strace can distinguish. */
const SYSTEM_CALLS: Readonly<Record<string, string>> = {
  open: 'openat',
  pread: 'pread64',
  pwrite: 'pwrite64',
  sync: 'fdatasync,fsync',
  truncate: 'ftruncate',
  mmap: 'mmap',
  unlink: 'unlink',
}
const LEDGER_FILES: Readonly<Record<string, string>> = {
  db: 'ledger.db',
  wal: 'ledger.db-wal',
  shm: 'ledger.db-shm',
  journal: 'ledger.db-journal',
}

/** Injects by strace: errors and kills of the calls on the files of a ledger, whose names are known before. */
export function straceInjector(): Injector {
  return {
    kind: 'strace',
    supports: ({ operation, file, what }) =>
      operation in SYSTEM_CALLS && file in LEDGER_FILES && /^(E[A-Z]+|kill-before)$/.test(what),
    command(args, { dir, fault, log }) {
      const calls = fault ? SYSTEM_CALLS[fault.operation] : Object.values(SYSTEM_CALLS).join()
      const files = fault ? [LEDGER_FILES[fault.file] ?? ''] : Object.values(LEDGER_FILES)
      const how = fault?.what === 'kill-before' ? 'signal=SIGKILL' : `error=${fault?.what}`
      const when = { once: '', twice: '..+1', same: '+', next: '', writes: '+', all: '+' }[fault?.scope ?? 'once']
      const from = fault?.scope === 'twice' ? `${fault.number}..${fault.number + 1}` : `${fault?.number}${when}`
      return {
        program: 'strace',
        args: [
          ...['-f', '-qq', '-e', 'signal=none', '-o', log],
          ...files.flatMap((file) => ['-P', join(dir, file)]),
          ...['-e', `trace=${calls}`],
          ...(fault ? ['-e', `inject=${calls}:${how}:when=${from}`] : []),
          process.execPath,
          ...args,
        ],
        env: COMMON,
      }
    },
    calls(log) {
      const made = new Map<string, number>()
      let failed = 0
      for (const line of linesOf(log)) {
        if (line.includes('(INJECTED)')) failed++
        const call = /^\d+ +(\w+)\(/.exec(line)?.[1]
        const operation = Object.entries(SYSTEM_CALLS).find(([, names]) => call && names.split(',').includes(call))?.[0]
        const file = Object.entries(LEDGER_FILES).findLast(([, name]) => line.includes(name))?.[0]
        if (operation === undefined || file === undefined) continue
        made.set(`${operation}:${file}`, (made.get(`${operation}:${file}`) ?? 0) + 1)
      }
      return { made, failed }
    },
  }
}

function linesOf(log: string): string[] {
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : []
}
