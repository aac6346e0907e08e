import { config } from 'zod'

// Zod writes a program for each schema and compiles it, which takes longer than most functions would ever save by it. Imported
// before any schema is made.
config({ jitless: true })
