import { defineCommand } from '../command.js'

export const command = defineCommand<{ headed?: true; url?: string; json?: true }>({
  examples: ['solveguard demo', 'solveguard demo --url https://staging.example.com/login'],
  // It waits for its browser to end.
  endsItself: true,
  define: (command) =>
    command
      .option('--headed', 'shows the browser')
      .option('--url <url>', 'a page of your own, with CaptchaAI and your key in SOLVEGUARD_KEY: spends real money'),
  async run(_, { headed, url, json }) {
    const { runDemo } = await import('../../demo/demo.js')
    const args = [...(headed ? ['--headed'] : []), ...(json ? ['--json'] : []), ...(url ? ['--url', url] : [])]
    return runDemo(args, { name: 'npx solveguard demo', options: 'npx solveguard demo', throws: true })
  },
})
