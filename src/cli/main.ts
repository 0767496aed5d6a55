#!/usr/bin/env node
import { messageOf } from '../base/errors.js'
import { VERSION } from '../base/version.js'
import { COMMANDS, type Command } from './commands.js'

const [name = 'help', ...args] = process.argv.slice(2)

run(name, args).then(
  (exitCode) => {
    process.exitCode = exitCode
  },
  (error: unknown) => {
    process.stderr.write(`solveguard: ${messageOf(error)}\n`)
    process.exitCode = 1
  },
)

/** @returns the exit code: 2 for a command that there is not */
async function run(name: string, args: readonly string[]): Promise<number> {
  if (/^(help|-h|--help)$/.test(name)) return print(process.stdout, help(), 0)
  if (/^(-v|--version)$/.test(name)) return print(process.stdout, VERSION, 0)
  const command: Command | undefined = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) return print(process.stderr, `solveguard: there is no command '${name}'.\n${help()}`, 2)
  return command.run(args)
}

function help(): string {
  const commands = Object.entries(COMMANDS).map(([name, { what }]) => `  ${name.padEnd(10)} ${what}`)
  return ['Usage: solveguard COMMAND [options]', '', ...commands, '', 'solveguard COMMAND --help: its options'].join(
    '\n',
  )
}

function print(stream: NodeJS.WriteStream, text: string, exitCode: number): number {
  stream.write(`${text}\n`)
  return exitCode
}
