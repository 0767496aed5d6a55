import tab from '@bomb.sh/tab/commander'
import { Command } from 'commander'

/** The name under which a shell calls the program, and under which it asks for completions. */
const PROGRAM = 'solveguard'

/** The shells that there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

/** The last line of an answer: there is nothing, and the shell may complete names of files. */
const FILES = ':0'

/** The script for a shell. It calls `solveguard complete -- WORDS` at each press of the tab key. */
export function completionScript(shell: (typeof SHELLS)[number]): string {
  if (shell === 'bash') return BASH
  const root = tab(new Command(PROGRAM), { completionCommandName: 'completion' })
  return printed(() => root.setup(PROGRAM, PROGRAM, shell))
}

/**
 * What the words so far can be completed to, as the script reads it.
 * @param program with all commands
 * @param words what follows the program's name, up to the cursor
 */
export function completions(program: Command, words: readonly string[]): string {
  // What follows is the line of another program.
  if (words.slice(0, -1).includes('--')) return FILES
  // The adapter has a command of this name itself, with other shells.
  const at = program.commands.findIndex((each) => each.name() === 'completion')
  const [own] = at < 0 ? [] : (program.commands as Command[]).splice(at, 1)
  const root = tab(program, { completionCommandName: 'completion' })
  root.command('completion', own?.description() ?? '').argument('shell', (complete) => {
    for (const shell of SHELLS) complete(shell, '')
  })
  const answer = printed(() => root.parse([...words]))
  return answer.startsWith(':') ? FILES : answer
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

/**
 * The script of tab for bash needs the package bash-completion, declares variables that a second `source` fails at, and
 * evaluates what was typed: `$(…)` on the line ran at the tab key, and `> file` emptied the file. This one needs bash
 * alone (3.2, of macOS, too), and passes the words on as they are.
 */
const BASH = `# bash completion for ${PROGRAM}

__${PROGRAM}_complete() {
    local -a words
    local line=\${COMP_LINE:0:COMP_POINT} cur piece out comp
    # Split at white space only, and not evaluated. Without pathname expansion.
    read -r -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    while (( \${#words[@]} > 1 )) && [[ \${words[0]##*/} != "\${1##*/}" ]]; do words=("\${words[@]:1}"); done
    cur=\${words[\${#words[@]}-1]}
    # Of --option=value, bash replaces what follows the sign, unless it does not break words there.
    piece=$cur
    local prefix=
    if [[ $cur == -*=* ]]; then
        piece=\${cur#*=}
        [[ $COMP_WORDBREAKS == *=* ]] || prefix=\${cur%%=*}=
    fi
    COMPREPLY=()
    out=$(${PROGRAM} complete -- "\${words[@]:1}" 2>/dev/null) || return
    while IFS= read -r comp; do
        [[ $comp == :* ]] && continue
        comp=\${comp%%$'\\t'*}
        [[ $comp == "$piece"* ]] && COMPREPLY+=("$prefix$comp")
    done <<< "$out"
    # Nothing known: names of files.
    (( \${#COMPREPLY[@]} )) || compopt -o default 2>/dev/null
    return 0
}

complete -F __${PROGRAM}_complete ${PROGRAM}
`.trimEnd()
