/** A line of bash as far as it is typed. */
export type BashLine = {
  words: string[]
  /** What has to be given to bash so that this stands in place of the last word: only what follows what bash leaves there, quoted as that is. */
  inPlace(word: string): string
}

type Quote = '' | '"' | "'"

// In this order: '…', "…", an escaped letter, blanks, and any other letter. What is still open ends where the line does.
const parts = /'([^']*)('|$)|"((?:\\[^]?|[^"\\])*)("|$)|\\([^]?)|(\s+)|([^])/g

/** Reads a line. Bash leaves what stands before a quote that is open, else up to the last one of `breaks` (`$COMP_WORDBREAKS`). */
export function readBashLine(line: string, breaks: string): BashLine {
  const words: string[] = []
  let [word, left] = ['', '']
  let quote: Quote = ''
  let isBegun = false
  for (const part of line.matchAll(parts)) {
    const [, single, singleEnd, double, doubleEnd, escaped, blank, letter] = part
    if (blank !== undefined) {
      if (isBegun) words.push(word)
      ;[word, left, isBegun] = ['', '', false]
      continue
    }
    isBegun = true
    if (singleEnd === '' || doubleEnd === '')
      [left, quote] = [word, single === undefined ? '"' : "'"]
    word += single ?? double?.replace(/\\(["$`\\])/g, '$1') ?? escaped ?? letter ?? ''
    if (letter !== undefined && breaks.includes(letter)) left = word
  }
  return {
    words: [...words, word],
    inPlace: (text) => quotedAs(quote, text.slice(left.length)),
  }
}

function quotedAs(quote: Quote, text: string): string {
  if (quote === "'") return text.replaceAll("'", String.raw`'\''`)
  const special = quote === '"' ? /["$`\\]/g : /[^\w@%+=:,./\-\u0080-\uffff]/g
  return text.replace(special, String.raw`\$&`)
}
