import * as z from 'zod'

/**
 * A path on the machine of whoever gives it. One that is empty comes of a variable of a shell that nobody has set, and would be the
 * directory one is in, or the usual place.
 */
export const LocalPath = z.string().min(1, 'expected a path, and it is empty')
