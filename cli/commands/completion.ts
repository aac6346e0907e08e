import * as z from 'zod'
import { positional } from '../args.ts'
import { command } from '../command.ts'

// Each asks `knit __complete`, which answers with lines of a candidate, a tab and what it is; the line ":files" asks for paths of this
// machine besides. What ends with a slash goes on behind it. Bash is answered with what it takes as it is: it tells nobody its words.

const bash = String.raw`# Completion of knit for bash. In ~/.bashrc: eval "$(knit completion bash)"
_knit() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
    else
      [[ $word == */ ]] && compopt -o nospace 2>/dev/null
      COMPREPLY+=("$word")
    fi
  done < <(knit __complete "--line=${'$'}{COMP_LINE:0:COMP_POINT}" "--breaks=$COMP_WORDBREAKS" 2>/dev/null)
}
complete -F _knit knit
`

const zsh = String.raw`#compdef knit
# Completion of knit for zsh. In ~/.zshrc, behind compinit: eval "$(knit completion zsh)"
_knit() {
  local -a candidates folders
  local word about files
  while IFS=$'\t' read -r word about; do
    if [[ $word == :files ]]; then
      files=yes
    elif [[ $word == */ ]]; then
      folders+=("${'$'}{word//:/\\:}")
    else
      candidates+=("${'$'}{word//:/\\:}${'$'}{about:+:$about}")
    fi
  done < <(knit __complete -- "${'$'}{(@Q)words[2,CURRENT-1]}" "${'$'}{(Q)PREFIX}" 2>/dev/null)
  (( $#candidates + $#folders )) && _describe knit candidates -- folders -S ''
  [[ -n $files ]] && _files
}
compdef _knit knit
`

const fish = String.raw`# Completion of knit for fish. Once: knit completion fish > ~/.config/fish/completions/knit.fish
function __knit_complete
  set -l typed (string unescape -- "$(commandline -ct)"; or commandline -ct)
  set -l words (commandline -opc) "$typed"
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
