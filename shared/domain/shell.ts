import { visible } from './visible.ts'

const plain = /^[\w@%+:,./-][\w@%+=:,./-]*$/

/** A word as it can be pasted into a shell (sh, bash, zsh): quoted where it must be. */
export function shellWord(word: string): string {
  if (plain.test(word)) return word
  const shown = visible(word.replaceAll('\\', '\\\\'))
  if (visible(word) !== word) return `$'${shown.replaceAll("'", "\\'")}'`
  return `'${word.replaceAll("'", `'\\''`)}'`
}

/** A command line as it can be pasted into a shell. */
export const shellLine = (words: readonly string[]): string => words.map(shellWord).join(' ')
