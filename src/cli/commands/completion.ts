import { Argument } from 'commander'
import { defineCommand } from '../command.js'
import { completionScript, SHELLS } from '../completion.js'

export const command = defineCommand<object, [shell: (typeof SHELLS)[number]]>({
  examples: [
    'solveguard completion bash >> ~/.bashrc',
    'solveguard completion zsh > ~/.zsh/completions/_solveguard',
    'solveguard completion fish > ~/.config/fish/completions/solveguard.fish',
  ],
  define: (command) => command.addArgument(new Argument('<shell>', 'your shell').choices(SHELLS)),
  async run(context, _, [shell]) {
    const script = completionScript(shell)
    context.result({ shell, script }, script)
    return undefined
  },
})
