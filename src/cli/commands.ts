import type { CommandDefinition } from './command.js'

/** A row of the table of commands. Its file is loaded when the command runs, or its help is shown. */
export interface CommandRow {
  /** What it does, in one line of the help. */
  readonly what: string
  load(): Promise<{ readonly command: CommandDefinition }>
}

/** Commands that have further ones: `audit verify` is in `audit`. */
export const GROUPS: Readonly<Record<string, string>> = {
  audit: 'the audit log: verify, archive, tail, report',
  token: 'tokens in place of keys: issue, narrow, inspect, revoke, handle',
}

/** The commands by their names, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  init: {
    what: 'writes a configuration for this project: asks a few questions, and never for a key',
    load: () => import('./commands/init.js'),
  },
  doctor: {
    what: 'checks each layer with the real parts, and says what to do',
    load: () => import('./commands/doctor.js'),
  },
  status: {
    what: 'what was spent and is left, which limits hold, whether it is paused: no key needed',
    load: () => import('./commands/status.js'),
  },
  solve: {
    what: 'solves one challenge, what is due on a page, or a batch of JSON lines',
    load: () => import('./commands/solve.js'),
  },
  balance: {
    what: 'the balance at the service',
    load: () => import('./commands/balance.js'),
  },
  spent: {
    what: 'what was spent, when and by whom, by the audit log, which the ledger has to agree with',
    load: () => import('./commands/spent.js'),
  },
  explain: {
    what: 'what each layer would say to a solve of a page, now or then, without a key or a cent',
    load: () => import('./commands/explain.js'),
  },
  keys: {
    what: 'the keys that were used, and which of them may be revoked',
    load: () => import('./commands/keys.js'),
  },
  pause: {
    what: 'stops solving: a guard, a subject or a token',
    load: () => import('./commands/pause.js'),
  },
  resume: {
    what: 'ends a pause',
    load: () => import('./commands/resume.js'),
  },
  config: {
    what: 'which configuration holds, and where each value is from',
    load: () => import('./commands/config.js'),
  },
  serve: {
    what: 'a broker: clients of the services, in any language, with tokens in place of keys',
    load: () => import('./commands/serve.js'),
  },
  run: {
    what: 'a command that has no key in its environment: a token, the way to a broker and its CA in place of it',
    load: () => import('./commands/run.js'),
  },
  'token issue': {
    what: 'issues a token, which stands for a narrower policy for a while',
    load: () => import('./commands/token/issue.js'),
  },
  'token narrow': {
    what: 'makes a narrower token of a token, offline',
    load: () => import('./commands/token/narrow.js'),
  },
  'token inspect': {
    what: 'what a token states: its guard, links, limits and expiry; or whether it is good',
    load: () => import('./commands/token/inspect.js'),
  },
  'token revoke': {
    what: 'ends every token that has a link',
    load: () => import('./commands/token/revoke.js'),
  },
  'token handle': {
    what: 'makes a handle of 32 characters for a token',
    load: () => import('./commands/token/handle.js'),
  },
  'audit verify': {
    what: 'whether the log is as it was written; names the file and the line that are not',
    load: () => import('./commands/audit/verify.js'),
  },
  'audit archive': {
    what: 'compresses the files of days that are over; they stay readable and verifiable',
    load: () => import('./commands/audit/archive.js'),
  },
  'audit tail': {
    what: 'the last records of the log, and with --follow those to come',
    load: () => import('./commands/audit/tail.js'),
  },
  'audit report': {
    what: 'a page with charts: what was spent by whom, what was denied, whether the log is whole',
    load: () => import('./commands/audit/report.js'),
  },
  drill: {
    what: 'the defence matrix against your configuration, on stand-ins: which layer answers, what could be taken',
    load: () => import('./commands/drill.js'),
  },
  'stand-ins': {
    what: 'services and vendors on this machine, for your own suite: no key, no cost, no internet',
    load: () => import('./commands/stand-ins.js'),
  },
  demo: {
    what: 'one guarded solve in a real browser, and each layer at work, on stand-ins: no key, no money',
    load: () => import('./commands/demo.js'),
  },
  completion: {
    what: 'prints what completes commands and options in bash, zsh or fish',
    load: () => import('./commands/completion.js'),
  },
}
