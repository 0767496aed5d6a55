import type { CommandDefinition } from './command.js'

/** A row of the table of commands. Its file is loaded when the command runs, or its help is shown. */
export interface CommandRow {
  /** What it does, in one line of the help. */
  readonly what: string
  load(): Promise<{ readonly command: CommandDefinition }>
}

/** Commands that have further ones: `audit verify` is in `audit`. */
export const GROUPS: Readonly<Record<string, string>> = {}

/** The commands by their names, in the order of the help. */
export const COMMANDS: Readonly<Record<string, CommandRow>> = {
  drill: {
    what: 'the defence matrix against your configuration, on stand-ins: which layer answers, what could be taken',
    load: () => import('./commands/drill.js'),
  },
  demo: {
    what: 'one guarded solve in a real browser, and each layer at work, on stand-ins: no key, no money',
    load: () => import('./commands/demo.js'),
  },
}
