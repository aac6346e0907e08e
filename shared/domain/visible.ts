const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Text with what would not be seen, or would do something to a terminal, written as people write it: `\n`, `\u001b`. That is
 * control characters, separators of lines, and marks that turn the direction of what follows.
 */
export const visible = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu,
    (letter) => short[letter] ?? `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** The same of a text of several lines, which stay. */
export const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n')
