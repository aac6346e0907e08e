/** Data come with the time, and the newest are what somebody has just sent. */
export const newestData = 'knit data find --limit 5 --output table'

/** What shows whether a change was made of which nobody was told: by the route that makes it, and the id of what it changes. */
export function whereToLook(route: string, id: string | undefined): string {
  const [noun = ''] = route.split('.', 1)
  if (route === 'data.push') return newestData
  if (noun === 'tokens') return 'knit admin token list'
  if (noun === 'admin') return 'knit admin events --dead'
  if (id === undefined) return 'knit plan find --output table'
  if (noun === 'data') return `knit data find --tag knit#id:${id} --output table`
  return `knit ${noun.replace(/s$/, '')} show ${id} --output table`
}
