// As terminals do it: marks over the letter before, scripts of East Asia and pictures.
const drawnOver = /[\p{Mn}\p{Me}\p{Cf}]/u
const drawnWide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]/u

/** How many columns of a terminal a text takes. */
export const widthOf = (text: string): number =>
  [...text].reduce((width, letter) => width + columnsOf(letter), 0)

const columnsOf = (letter: string): number =>
  drawnOver.test(letter) ? 0 : drawnWide.test(letter) ? 2 : 1

/** A text with blanks behind it, so that it takes that many columns. */
export const padded = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - widthOf(text)))

/** As much of the end of a text as there is room for, behind an ellipsis where that is not all of it. */
export function endOf(text: string, room: number): string {
  if (widthOf(text) <= room) return text
  const letters = [...text]
  let width = 0
  const first = letters.findLastIndex((letter) => (width += columnsOf(letter)) >= room) + 1
  return first < letters.length ? `…${letters.slice(first).join('')}` : ''
}

/** As much of the beginning of a text as there is room for, before an ellipsis where that is not all of it. */
export function beginOf(text: string, room: number): string {
  if (widthOf(text) <= room) return text
  const letters = [...text]
  let width = 0
  const end = letters.findIndex((letter) => (width += columnsOf(letter)) >= room)
  return `${letters.slice(0, end).join('')}…`
}
