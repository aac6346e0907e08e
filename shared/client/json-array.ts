/** What came is no JSON array, or not all of one. */
export class NoArray extends Error {
  override readonly name = 'NoArray'
}

/**
 * The values of a JSON array, one by one, of which the text comes in pieces: of a long one no more is held than a value. Throws
 * `NoArray`, or `SyntaxError` for a value that is none.
 */
export async function* valuesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  const outline = new Outline()
  let text = ''
  let isFirst = true
  for await (const bytes of pieces) {
    const piece = decoder.decode(bytes, { stream: true })
    let from = 0
    for (let at = 0; (at = outline.endOfValue(piece, at)) < piece.length; at += 1) {
      const value = text + piece.slice(from, at)
      const inside = isFirst ? opened(value) : value
      const isEmpty = isFirst && outline.isClosed && inside.trim() === ''
      if (!isEmpty) yield JSON.parse(inside)
      isFirst = false
      text = ''
      from = at + 1
    }
    text += piece.slice(from)
  }
  if (!outline.isClosed || text.trim() !== '') throw new NoArray('it is not all of one array')
}

/** What follows the bracket that an array begins with. */
function opened(text: string): string {
  const begin = text.trimStart()
  if (!begin.startsWith('[')) throw new NoArray('it is no array')
  return begin.slice(1)
}

// What changes nothing where it stands, be it long: within a text all but its end, and around it whole texts. Within a value no comma
// counts either.
const idle = {
  text: /[^"\\]*/y,
  value: /(?:[^"[\]{}]+|"[^"\\]*")*/y,
  array: /(?:[^"[\]{},]+|"[^"\\]*")*/y,
}

/** Knows of a text, piece by piece, how deep in brackets it is. */
class Outline {
  #depth = 0
  #isText = false
  #isEscaped = false
  /** The outermost array has ended. */
  isClosed = false

  /** Where in a piece, from a place on, a value of the outermost array has ended: at a comma, or at the last bracket; else its length. */
  endOfValue(piece: string, from: number): number {
    let at = this.#skip(piece, from)
    while (at < piece.length && !this.#endsValue(piece.charAt(at))) at = this.#skip(piece, at + 1)
    return at
  }

  #skip(piece: string, from: number): number {
    if (this.#isEscaped) return from
    const signs = this.#isText ? idle.text : this.#depth > 1 ? idle.value : idle.array
    signs.lastIndex = from
    signs.test(piece)
    return signs.lastIndex
  }

  #endsValue(sign: string): boolean {
    if (this.#isText) {
      this.#isText = this.#isEscaped || sign !== '"'
      this.#isEscaped = !this.#isEscaped && sign === '\\'
      return false
    }
    if (sign === '"') this.#isText = true
    else if (sign === '[' || sign === '{') this.#depth += 1
    else if (sign === ']' || sign === '}') this.#depth -= 1
    const isLast = sign === ']' && this.#depth === 0
    this.isClosed ||= isLast
    return isLast || (sign === ',' && this.#depth === 1)
  }
}
