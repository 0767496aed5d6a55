#!/usr/bin/env node
import { VERSION } from '../base/version.js'

// The version is asked for by scripts, often: nothing else is loaded for it.
if (process.argv.length === 3 && /^(-v|-V|--version)$/.test(process.argv[2] ?? '')) {
  process.stdout.write(`${VERSION}\n`)
} else {
  void start()
}

async function start(): Promise<void> {
  const { runProcess } = await import('./process.js')
  await runProcess()
}
