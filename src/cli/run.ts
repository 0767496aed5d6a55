import { Command, CommanderError } from 'commander'
import { VERSION } from '../base/version.js'
import type { CommandDefinition } from './command.js'
import { COMMANDS, type CommandRow, GROUPS } from './commands.js'
import { type CliHost, type CommandContext, createContext } from './context.js'
import { reportFailure, usageError } from './failure.js'
import { refuseSecrets } from './secret-arguments.js'

/**
 * Runs one command line, and closes what it opened.
 *
 * @param args what follows the program's name
 * @returns the exit code
 */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
  const ours = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const { context, close } = createContext(host, ours.includes('--json'))
  let exitCode: number
  try {
    if (args[0] === 'complete' && args[1] === '--') return await complete(args.slice(2), context)
    refuseSecrets(ours)
    exitCode = await execute(args, context)
  } catch (error) {
    exitCode = reportFailure(context, host.signal.aborted ? host.signal.reason : error)
  }
  await close()
  return exitCode
}

/** What a shell's script asks for, at each press of the tab key. Nothing of the words is run. */
async function complete(words: readonly string[], context: CommandContext): Promise<number> {
  const { completions } = await import('./completion.js')
  const program = await createProgram(['*'], context, async () => {})
  context.stdout.write(`${completions(program, words)}\n`)
  return 0
}

async function execute(args: readonly string[], context: CommandContext): Promise<number> {
  let exitCode = 0
  const program = await createProgram(args, context, async (definition, options, values) => {
    const running = definition.run(context, options, values)
    exitCode = (await (definition.endsItself ? running : untilInterrupted(running, context.signal))) ?? 0
  })
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // The help was shown: because it was asked for, or because a group needs one of its commands.
    if (!(error instanceof CommanderError) || !/^commander\.(help|version)/.test(error.code)) throw error
    if (error.exitCode === 0) return 0
    if (context.json) throw usageError('A command is missing: --help lists them.')
    return 2
  }
}

/** The command's own end, or the interruption. */
async function untilInterrupted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  running.catch(() => {})
  let onAbort = () => {}
  const interrupted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([running, interrupted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

type Run = (definition: CommandDefinition, options: object, args: readonly unknown[]) => Promise<void>

/**
 * Commander's tree, with the command that these arguments name.
 *
 * @param args `['*']`: with all commands
 */
export async function createProgram(args: readonly string[], context: CommandContext, run: Run): Promise<Command> {
  const program = new Command('solveguard')
    .description('Layers of protection around the API key of a CAPTCHA-solving service.')
    .version(VERSION, '-v, --version', 'prints the version')
    .helpOption('-h, --help', 'prints the help')
    .helpCommand('help [command]', 'prints the help of a command')
    .option('--json', 'prints JSON')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => context.columns,
      getErrHelpWidth: () => context.columns,
    })
    .addHelpText('after', '\nhttps://github.com/solveguard/solveguard/blob/main/docs/cli.md')
  for (const [name, row] of Object.entries(COMMANDS)) {
    const [first = '', second] = name.split(' ')
    const parent = second === undefined ? program : groupOf(program, first)
    const command = parent.command(second ?? first).description(row.what)
    if (args[0] === '*' || isNamed(name, args)) await fill(command, row, run)
  }
  return program
}

function groupOf(program: Command, name: string): Command {
  const group = program.commands.find((each) => each.name() === name)
  return (
    group ??
    program
      .command(name)
      .description(GROUPS[name] ?? '')
      .option('--json', 'prints JSON')
  )
}

/** Whether these arguments are about this command. */
function isNamed(name: string, args: readonly string[]): boolean {
  const words = args.filter((arg) => !arg.startsWith('-'))
  if (words[0] === 'help') words.shift()
  return words.slice(0, name.split(' ').length).join(' ') === name
}

async function fill(command: Command, row: CommandRow, run: Run): Promise<void> {
  const { command: definition } = await row.load()
  definition.define(command)
  const examples = definition.examples.map((line) => `  npx ${line}`).join('\n')
  command
    .option('--json', 'prints JSON')
    .addHelpText('after', `\nExamples:\n${examples}`)
    .action(() => run(definition, command.opts(), command.processedArgs))
}
