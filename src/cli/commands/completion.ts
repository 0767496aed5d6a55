import { Argument } from 'commander'
import { defineCommand } from '../command.js'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export const command = defineCommand<object, [shell: (typeof SHELLS)[number]]>({
  examples: [
    'solveguard completion bash >> ~/.bashrc',
    'solveguard completion zsh > ~/.zsh/completions/_solveguard',
    'solveguard completion fish > ~/.config/fish/completions/solveguard.fish',
  ],
  define: (command) => command.addArgument(new Argument('<shell>', 'your shell').choices(SHELLS)),
  async run(context, _, [shell]) {
    const { completionScript } = await import('../completion.js')
    const script = completionScript(shell)
    context.result({ shell, script }, script)
    return undefined
  },
})
