/** Why no program can be given these variables; undefined when one can. */
export function refusedVariables(env: Record<string, string>): string | undefined {
  const bad = Object.entries(env).find(([name, value]) => whyNot(name, value) !== undefined)
  return bad && `${JSON.stringify(bad[0])} ${whyNot(...bad)}`
}

function whyNot(name: string, value: string): string | undefined {
  if (name === '' || /[=\0]/.test(name) || !name.isWellFormed())
    return 'cannot be the name of a variable'
  if (value.includes('\0') || !value.isWellFormed())
    return 'cannot have a value with a NUL character, or that is no valid Unicode text'
  return undefined
}
