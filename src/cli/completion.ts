import tab from '@bomb.sh/tab/commander'
import { Command } from 'commander'

/** The name under which a shell calls the program, and under which it asks for completions. */
const PROGRAM = 'solveguard'

/** The script for a shell. It calls `solveguard complete -- WORDS` at each press of the tab key. */
export function completionScript(shell: string): string {
  const root = tab(new Command(PROGRAM), { completionCommandName: 'completion' })
  return printed(() => root.setup(PROGRAM, PROGRAM, shell))
}

/**
 * What the words so far can be completed to, as the script reads it.
 * @param program with all commands
 * @param words what follows the program's name, up to the cursor
 */
export function completions(program: Command, words: readonly string[]): string {
  // The adapter has a command of this name itself.
  const own = program.commands.findIndex((each) => each.name() === 'completion')
  if (own >= 0) (program.commands as Command[]).splice(own, 1)
  const root = tab(program, { completionCommandName: 'completion' })
  return printed(() => root.parse([...words]))
}

/** What a function prints to the console: tab has no other output. */
function printed(print: () => void): string {
  const lines: string[] = []
  const { log } = console
  console.log = (line: unknown) => void lines.push(String(line))
  try {
    print()
  } finally {
    console.log = log
  }
  return lines.join('\n')
}
