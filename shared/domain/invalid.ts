/** The subject of what could not even be read, of a document that was sent. */
export const notUnderstood = 'can not understand the requested json'

/**
 * A value of a user that breaks a rule of the domain. `subject` says which rule it is about, in the words of the API
 * (`bad tag`, `bad mountpoint path`, …); the message says what was wrong with which value, and what would be right.
 */
export class Invalid extends Error {
  override readonly name = 'Invalid'
  readonly subject: string

  constructor(subject: string, detail: string) {
    super(detail)
    this.subject = subject
  }
}
