import { expect, test } from 'vitest'
import { refusedVariables } from './variable.ts'

test('a program can be given any text under any name but an empty one or one with =', () => {
  const odd = { A: '', 'a.b-c': 'x=y', 'with space': '\n', ü: '𝒳' }
  expect(refusedVariables(odd)).toBeUndefined()
  for (const name of ['', 'A=B', '=', 'A\0', '\ud800'])
    expect(refusedVariables({ ...odd, [name]: 'x' })).toMatch(/cannot be the name of a variable$/)
})

test('a value that is no text for a program is refused without being told', () => {
  for (const secret of ['secret\0', 'secret\ud800']) {
    const why = refusedVariables({ TOKEN: secret })
    expect(why).toMatch(/^"TOKEN" cannot have a value with a NUL/)
    expect(why).not.toContain('secret')
  }
})
