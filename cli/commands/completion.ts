import * as z from 'zod'
import { positional } from '../args.ts'
import { command } from '../command.ts'

// Each hands the words to `knit __complete`, which answers with lines of a candidate, a tab and what it is; the line ":files" asks
// for paths of this machine besides.

const bash = String.raw`# Completion of knit for bash. In ~/.bashrc: eval "$(knit completion bash)"
_knit() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} words word about current head
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=${'$'}{words[${'$'}{#words[@]} - 1]}
  # Of a word with a colon or "=" in it, bash completes what is behind the last of these.
  head=${'$'}{current%"${'$'}{current##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word about; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$(printf %q "${'$'}{word#"$head"}")")
    fi
  done < <(knit __complete -- "${'$'}{words[@]:1}" 2>/dev/null)
}
complete -F _knit knit
`

const zsh = String.raw`#compdef knit
# Completion of knit for zsh. In ~/.zshrc, behind compinit: eval "$(knit completion zsh)"
_knit() {
  local -a candidates
  local word about files
  while IFS=$'\t' read -r word about; do
    if [[ $word == :files ]]; then
      files=yes
    else
      candidates+=("${'$'}{word//:/\\:}${'$'}{about:+:$about}")
    fi
  done < <(knit __complete -- "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe knit candidates
  [[ -n $files ]] && _files
}
compdef _knit knit
`

const fish = String.raw`# Completion of knit for fish. Once: knit completion fish > ~/.config/fish/completions/knit.fish
function __knit_complete
  set -l words (commandline -opc) "$(commandline -ct)"
  for line in (knit __complete -- $words[2..-1] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path "$(commandline -ct)"
    else
      printf '%s\n' $line
    end
  end
end
complete -c knit -f -a '(__knit_complete)'
`

const scripts = { bash, zsh, fish }

export default command({
  examples: ['knit completion fish > ~/.config/fish/completions/knit.fish'],
  args: {
    shell: positional(
      z
        .enum(['bash', 'zsh', 'fish'])
        .describe('bash, zsh or fish; how to use it is on the first lines.'),
    ),
  },
  run: ({ shell }, ctx) => void ctx.stdout.write(scripts[shell]),
})
