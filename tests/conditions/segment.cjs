// Segment's own evaluators, a JSON line in and a JSON line out.
// node segment.cjs FOLDER: the folder whose node_modules has the packages.
const load = require('module').createRequire(process.argv[2] + '/')
const tsub = load('@segment/tsub')
const { parseFql, validate } = load('@segment/destination-subscriptions')
const matches = tsub.matches || tsub.default.matches

function decide ({ ir, subscription, message }) {
  try {
    if (ir !== undefined) return matches(message, { type: 'fql', ir })
    const parsed = parseFql(subscription)
    return parsed.error ? { error: String(parsed.error) } : validate(parsed, message)
  } catch (error) {
    return { error: String(error) }
  }
}

let rest = ''
process.stdin.setEncoding('utf8')
process.stdin.on('data', (chunk) => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  const out = lines.map((line) => JSON.stringify(decide(JSON.parse(line))))
  if (out.length) process.stdout.write(out.join('\n') + '\n')
})
