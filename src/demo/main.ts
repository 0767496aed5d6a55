// npm run demo, from source. The package's own command is src/cli/main.ts.
import { runDemo } from './demo.js'

process.exitCode = await runDemo(process.argv.slice(2), { name: 'npm run demo', options: 'npm run demo --' })
