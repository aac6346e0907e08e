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
    for (let at = 0; at < piece.length; at += 1) {
      if (!outline.endsValue(piece.charAt(at))) continue
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

/** Knows of a text, sign by sign, how deep in brackets it is. */
class Outline {
  #depth = 0
  #isText = false
  #isEscaped = false
  /** The outermost array has ended. */
  isClosed = false

  /** True for what stands behind a value of the outermost array: a comma, or the last bracket. */
  endsValue(sign: string): boolean {
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
