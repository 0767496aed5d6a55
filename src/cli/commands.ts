/** One command of the package's program. */
export interface Command {
  /** What it does, in a line of the help. */
  readonly what: string
  /**
   * @param args what follows the command's name
   * @returns the exit code
   */
  run(args: readonly string[]): Promise<number>
}

/** The commands by their names. Each loads what it needs when it runs. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  demo: {
    what: 'One guarded solve in a real browser, and each layer at work, on stand-ins: no key, no money.',
    async run(args) {
      const { runDemo } = await import('../demo/demo.js')
      return runDemo(args, { name: 'npx solveguard demo', options: 'npx solveguard demo' })
    },
  },
}
