import type { Draws } from './seeded.ts';

type Sentences = readonly [string, ...string[]];

interface Topic {
  readonly subjects: Sentences;
  readonly sentences: Sentences;
}

const TOPICS: readonly [Topic, ...Topic[]] = [
  {
    subjects: ['Charged twice', 'Wrong number of seats on our plan', 'Receipt for {month}'],
    sentences: [
      'Our card was charged {amount} euros on {day} {month}, and then the same amount again a few hours later.',
      'We reduced the team from {count} to {small} seats in {month}, but the renewal still shows the old number.',
      'The receipt for order {order} has our former address on it, and our accountant will not take it like that.',
      'Please tell me whether the {amount} euros will come back to the card by themselves or whether I have to ask for them.',
      'The page under Settings and Billing says that the payment failed, while the bank says that it went through.',
    ],
  },
  {
    subjects: ['Locked out', 'Invitation never arrives', 'Cannot sign in after the update'],
    sentences: [
      'Since {weekday} I get sent back to the sign-in page whenever I enter the code from my phone.',
      'I invited {count} colleagues to the workspace, and {small} of them never received a message, not even as junk.',
      'The person who set up our account left in {month}, and nobody else can change the roles.',
      'Single sign-on worked until {weekday} and now ends on a white page that says request {order} was refused.',
      'I have reset the password {small} times today, and each time the new one is refused as well.',
    ],
  },
  {
    subjects: ['Appointments one hour late', 'Double bookings', 'Reminders at the wrong time'],
    sentences: [
      'Every appointment that was made before the clocks changed is now shown one hour late, but only for our {city} branch.',
      'On {day} {month} we had {small} clients standing in the room for the same slot, and the calendar shows them all as confirmed.',
      'The reminder for tomorrow went out at {small} in the morning, and {count} people were not amused.',
      'When I move one event of a series, the other {count} move as well, although I chose only this one.',
      'A client in {city} sees free slots on a day for which we entered a holiday.',
    ],
  },
  {
    subjects: ['Tax on invoices', 'Payment link expired', 'Numbers out of order'],
    sentences: [
      'Invoice {order} shows the reduced rate for one line and the full rate for the total, so the sum is off by {amount} euros.',
      'Clients tell us that the payment link says expired, although the invoice was sent on {weekday}.',
      'Between invoices {order} and the next one there is a gap of {small} numbers, and our auditor asks about it.',
      'I wanted to write a credit note for {amount} euros and it was booked as a second invoice.',
      'The template lost our logo after we changed the paper size in {month}.',
    ],
  },
  {
    subjects: ['Outside calendar stopped', 'Webhook fails', 'Accounting connection'],
    sentences: [
      'The connection to our outside calendar says connected, but nothing has come through since {weekday}.',
      'Your webhook calls our server {count} times for the same appointment, each time with another delivery number.',
      'The accounting program refuses the export of {month} with the message that column {small} is missing.',
      'We reconnected the account twice, removed the old permission and waited {count} minutes, without any change.',
      'Only the {city} branch is affected, the other branches receive their appointments within a minute.',
    ],
  },
  {
    subjects: ['Everything is slow', 'Export does not finish', 'App closes by itself'],
    sentences: [
      'Opening the week view takes {count} seconds on every machine in the {city} office, while other pages are quick.',
      'The export of all clients stops at {amount} rows and then says that something went wrong.',
      'On my tablet the application closes as soon as I tap on a client with more than {small} notes.',
      'We need the complete report for {month} by {weekday}, since the audit starts the day after.',
      'The error page shows the number {order}, in case this helps you to find it.',
    ],
  },
  {
    subjects: ['Thinking of leaving', 'An idea', 'Strange message'],
    sentences: [
      'We are not sure that we still need {count} seats, and we would like to know what happens to our data if we pause.',
      'It would help us a lot if the waiting list could offer a free slot to {small} people at once.',
      'Somebody who says he works for you called our {city} branch and asked for a code from the phone.',
      'There was a sign-in from a place where none of us has ever been, on {day} {month}, shortly after midnight.',
      'Another product offers the same for {amount} euros a year, but my team likes yours better.',
    ],
  },
];

const COMMON: Sentences = [
  'I have already looked through the help pages and tried what they suggest.',
  'This was reported before, in ticket {order}, and it was fine for about {small} weeks.',
  'There are {count} of us who depend on this every day.',
  'Please let me know what you need from me, I can send screenshots.',
  'It is not urgent, but it should be solved before the end of {month}.',
  'My colleague in {city} sees the same on her machine, so I do not think that it is our network.',
  'I tried it in two browsers and in a private window, with the same result.',
  'To be honest, this has cost us the better part of {weekday} already.',
  'Nothing was changed on our side, as far as I know.',
  'You can call me on {weekday} after {small} if that is easier.',
];

const MONTHS: Sentences = ['January', 'March', 'April', 'June', 'September', 'November'];
const WEEKDAYS: Sentences = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'];
const CITIES: Sentences = ['Bristol', 'Lyon', 'Porto', 'Graz', 'Tampere', 'Ghent'];

/** A ticket of about `chars` characters: a subject, then as many different sentences as fit. */
export function ticketText(draws: Draws, chars: number): string {
  const topic = draws.pick(TOPICS);
  const left = [...topic.sentences, ...COMMON];
  let text = `Subject: ${fill(draws.pick(topic.subjects), draws)}\n\n`;
  while (text.length < chars) {
    if (left.length === 0) left.push(...draws.pick(TOPICS).sentences);
    const [template = ''] = left.splice(draws.between(0, left.length - 1), 1);
    const sentence = `${fill(template, draws)} `;
    // The nearest length, whether below or above what was asked for.
    if (text.length + sentence.length / 2 > chars) break;
    text += sentence;
  }
  return text.trimEnd();
}

function fill(sentence: string, draws: Draws): string {
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => slot(name, draws));
}

function slot(name: string, draws: Draws): string {
  switch (name) {
    case 'amount':
      return String(draws.between(19, 980));
    case 'count':
      return String(draws.between(10, 60));
    case 'small':
      return String(draws.between(2, 9));
    case 'day':
      return String(draws.between(1, 28));
    case 'order':
      return `FH-${draws.between(100_000, 999_999)}`;
    case 'month':
      return draws.pick(MONTHS);
    case 'weekday':
      return draws.pick(WEEKDAYS);
    case 'city':
      return draws.pick(CITIES);
    default:
      throw new RangeError(`Ticket sentences have no slot {${name}}.`);
  }
}
