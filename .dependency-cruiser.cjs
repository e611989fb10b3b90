/** @type {import('dependency-cruiser').IConfiguration} */
const deny = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    deny('no-cycles', 'A cycle hides which module owns a decision.', {}, { circular: true }),
    deny(
      'domain-is-pure',
      'The domain depends on nothing, not even zod. node:crypto is let in for digests, which are pure.',
      { path: '^shared/domain/' },
      { pathNot: '^(shared/domain/|(node:)?crypto$)' },
    ),
    deny(
      'ports-name-domain-only',
      'A port is an interface over domain types.',
      { path: '^shared/ports/' },
      { pathNot: '^shared/(ports|domain)/' },
    ),
    deny(
      'usecases-see-ports-only',
      'A use case must run on in-memory adapters.',
      { path: '^shared/usecases/' },
      { pathNot: '^shared/(usecases|ports|domain|contracts)/' },
    ),
    deny(
      'sdk-in-adapters-only',
      'AWS and provider SDKs stay behind ports.',
      { pathNot: '^(shared/adapters|functions/[^/]+/wire\\.ts|test|bench|examples)' },
      { path: 'node_modules/(@aws-sdk|@smithy|openai|@anthropic-ai|undici)/' },
    ),
    deny(
      'adapters-serve-ports',
      'An adapter is called; it calls nobody inside.',
      { path: '^shared/adapters/' },
      { path: '^(functions|infra|cli|local|shared/(usecases|runtime))/' },
    ),
    deny(
      'simulator-stands-alone',
      'The simulator is a provider: it must not share code with what it judges.',
      { path: '^simulator/' },
      { path: '^(functions|infra|shared|cli|local|bench)/' },
    ),
    deny(
      'product-never-sees-simulator',
      'The engine must not know the provider it is judged by.',
      { path: '^(functions|infra|shared)/' },
      { path: '^(simulator|bench|cli|local|examples)/' },
    ),
    deny(
      'infra-knows-names-and-paths',
      'Synthesis must not load what runs: names, limits, the table and penstock.yaml are all it reads.',
      { path: '^infra/' },
      {
        path: '^(functions|shared|cli|local)/',
        pathNot:
          '^shared/(contracts/(bundling|env-keys|limits|metric-names|config|closest-name)|runtime/config-document|adapters/dynamodb/table/table-definition)\\.ts$',
      },
    ),
    deny(
      'infra-stays-at-synthesis',
      'What is deployed must not load CDK, nor be told how it was deployed.',
      { pathNot: '^(infra|test)/' },
      { path: '(^infra/|node_modules/(aws-cdk-lib|constructs|cdk-nag)/)' },
    ),
    deny(
      'functions-stand-alone',
      'A bundle holds one function.',
      { path: '^functions/([^/]+)/' },
      { path: '^functions/', pathNot: '^functions/$1/' },
    ),
    deny(
      'no-test-code-in-product',
      'Builders and fakes live under test/.',
      { pathNot: '^test/' },
      { path: '^test/' },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
