import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { completionScript } from '../../src/cli/completion.js'

const folder = mkdtempSync(join(tmpdir(), 'solveguard-completion-'))

afterAll(() => rmSync(folder, { recursive: true }))

describe('the script for bash', () => {
  /** What bash replaces the word before the cursor with, without any package of completions. */
  function pressTab(line: string) {
    writeFileSync(join(folder, 'script'), completionScript('bash'))
    const program = `
      solveguard() {
        printf '%s\\n' "$@" > asked
        printf '%s\\t%s\\n' captchaai 'the first' capsolver '' twocaptcha ''
        echo :4
      }
      source ./script; source ./script
      COMP_LINE=$LINE; COMP_POINT=\${#LINE}
      __solveguard_complete solveguard
      printf '%s\\n' "\${COMPREPLY[@]}"; echo --; cat asked`
    const env = { PATH: process.env.PATH, LINE: line }
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', program], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
    const [replies = '', asked = ''] = stdout.split('--\ncomplete\n--\n')
    return { replies: replies.split('\n').filter(Boolean), asked: asked.split('\n').slice(0, -1) }
  }

  it.each([
    ['solveguard init --solver c', ['captchaai', 'capsolver'], ['init', '--solver', 'c']],
    ['solveguard init --solver ', ['captchaai', 'capsolver', 'twocaptcha'], ['init', '--solver', '']],
    ['solveguard init --solver=two', ['twocaptcha'], ['init', '--solver=two']],
    ['SOLVEGUARD_NAME=x solveguard init --solver t', ['twocaptcha'], ['init', '--solver', 't']],
  ])('completes %j', (line, replies, asked) => {
    expect(pressTab(line)).toEqual({ replies, asked })
  })

  it.each(['$(touch made)', '`touch made`', '; touch made', '> made', "'a b' *"])(
    'runs and writes nothing of %j, which was only typed',
    (typed) => {
      const { asked } = pressTab(`solveguard pause ${typed} c`)
      expect(asked).toEqual(['pause', ...typed.split(' '), 'c'])
      expect(existsSync(join(folder, 'made'))).toBe(false)
    },
  )
})
