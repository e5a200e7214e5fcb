// One function for all notes of a REST API (payload 1.0).
const notes = new Map([
  ['1', { en: 'Buy milk', de: 'Milch kaufen' }],
  ['2', { en: 'Call home', de: 'Zu Hause anrufen' }],
]);

const answer = (statusCode, body, cacheControl = 'no-store') => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': cacheControl },
  body: JSON.stringify(body),
});

export const handler = async (event) => {
  const language = event.headers['Accept-Language'] ?? 'en';
  const id = event.pathParameters?.id;
  if (!id) {
    return answer(200, { language, notes: [...notes].map(([key, text]) => ({ id: key, text: text[language] })) }, 'public, max-age=60');
  }
  if (event.httpMethod === 'DELETE') {
    return notes.delete(id) ? { statusCode: 204 } : answer(404, { message: 'no such note' });
  }
  const text = notes.get(id)?.[language];
  return text ? answer(200, { id, text }, 'public, max-age=60') : answer(404, { message: 'no such note' });
};
